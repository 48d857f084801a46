"""From a folder of tables to training batches.

`readers` open the files, `cleaning` counts and removes what cannot be used, `inference` guesses what the
columns mean, `dataset` holds the result in catalogue order, `item_text` makes one text of an item,
`histories` turns interactions into sequences, `splits` holds some back without leakage, `pipeline` feeds the
rest to `fit`, `describe` prints it all.
"""
