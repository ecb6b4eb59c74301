"""Networks: the two towers of a model, the heads that methods share."""
