"""TFX-style steps over tfrec."""
