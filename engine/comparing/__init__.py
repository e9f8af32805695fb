"""Descriptions of growing detail against pictures: what each scorer makes of every phrase."""
