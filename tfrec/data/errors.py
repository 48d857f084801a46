"""The one error of the data layer."""


class DatasetError(ValueError):
    """A dataset that cannot be used as it is; the message names the file, the column and what to do."""
