"""Language: strings → vectors, and what is likely to be said. The only door to KerasHub.

sources     a name → backbone, tokenizer, pooling
encoder     the Keras layer, strings in, unit vectors out
batches     many texts at once
cache       vectors on disk, so that a text is encoded once
tuning      frozen, top layers, LoRA or full training
generative  how likely a text is behind another, and what a model writes
"""
