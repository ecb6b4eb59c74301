"""Raw values as networks read them: pictures as bytes, captions as words or tokens; numpy alone."""
