"""Callbacks that save and resume a fit."""
