"""Trains the storybook's generator: a small Stable Diffusion, in the format of the large ones.

The shipped folder (`BUILT_IN.generator`) is a `StableDiffusionPipeline` folder of diffusers
without a safety checker, and holds one file more, `t2itui.json`, which says how to use it:

    {"guidance_scale": 4.0, "steps": 20, "scheduler": "dpm++", "width": 64, "height": 64}

The values were chosen by measurement (`tools.storybook.generator.choose`). `scheduler` is "dpm++"
or "ddim"; width and height are pixels.
"""
