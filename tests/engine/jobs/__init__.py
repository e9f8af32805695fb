"""tests.engine.jobs"""
