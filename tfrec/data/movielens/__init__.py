"""The built-in "movielens", a dataset folder: 610 users, 9,742 films and 100,836 ratings of latest-small.

The tables, made by `python -m tfrec.data.movielens`, lie beside this file together with GroupLens'
README.txt, which holds the licence: redistribution under the same conditions, no commercial use, cite Harper
and Konstan 2015.
"""
