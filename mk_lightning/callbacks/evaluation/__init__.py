"""Callbacks that measure a policy and write what they find."""
