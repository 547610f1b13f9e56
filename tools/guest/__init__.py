"""Booting an image in QEMU: what run.py is made of."""
