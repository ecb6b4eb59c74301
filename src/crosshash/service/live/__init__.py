"""What is searched now, and how newer files take its place while requests are answered."""
