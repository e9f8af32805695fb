"""What the encoder that ships is good for, said wherever somebody may index with it."""

from engine.storybook.shipped import STORYBOOK

LIMITS = (
    "The storybook's encoder knows its own drawings: ten animals with their colours, actions and"
    " places. On photographs its ranking means little."
)
INSTEAD = f"{LIMITS}\nTo try it all the same: t2itui index DIR --encoder {STORYBOOK}"
