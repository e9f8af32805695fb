"""Training of the storybook's generator: fixed renderings, linear latents, codes of claims."""
