"""Benchmarks of tabdiffuse: public data, published metrics, results as lines of JSON.

Run ``python -m benchmarks --help`` from the root of a checkout.
"""
