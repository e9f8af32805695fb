"""tests.engine.library"""
