"""Small seeded encoders with random weights, saved as Hugging Face folders."""

import os
from pathlib import Path
from typing import Any, TypeAlias

os.environ["HF_HUB_OFFLINE"] = "1"

Model: TypeAlias = Any
Tokenizer: TypeAlias = Any

WORDS = ("a", "the", "photo", "of", "dog", "cat", "horse", "red", "snow", "in", "and")
CHINESE = "一只狗猫马红色的在雪地里和照片"
CLIP_LENGTH = 16
CHINESE_LENGTH = 20
SIGLIP_LENGTH = 12


def save_tiny_clip(
    folder: Path, *, dim: int = 32, image_size: int = 32, seed: int = 0, layers: int = 2
) -> Path:
    """Save a CLIP of random weights; it reads any text byte by byte, CLIP_LENGTH tokens long."""
    return save_clip_of(
        folder,
        text=_tower(layers),
        vision=_tower(layers),
        patch_size=image_size // 4,
        image_size=image_size,
        dim=dim,
        seed=seed,
    )


def save_clip_of(
    folder: Path,
    *,
    text: dict[str, int],
    vision: dict[str, int],
    patch_size: int,
    image_size: int,
    dim: int,
    seed: int = 0,
) -> Path:
    """Save a CLIP of random weights whose towers have some sizes."""
    import torch
    from transformers.models.clip.configuration_clip import CLIPConfig
    from transformers.models.clip.modeling_clip import CLIPModel
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

    vocab, merges = bytes_and_words()
    make: Any = CLIPTokenizer
    tokenizer = make(vocab=vocab, merges=merges, model_max_length=CLIP_LENGTH)
    assert len(tokenizer) == len(vocab)
    text = text | {
        "vocab_size": len(vocab),
        "max_position_embeddings": CLIP_LENGTH,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = vision | {"image_size": image_size, "patch_size": patch_size}
    torch.manual_seed(seed)
    config: Any = CLIPConfig(text_config=text, vision_config=vision, projection_dim=dim)
    _save(CLIPModel(config), tokenizer, folder, _clip_pictures(image_size))
    return folder


def save_tiny_chinese_clip(
    folder: Path, *, dim: int = 32, image_size: int = 32, seed: int = 0
) -> Path:
    """Save a Chinese-CLIP of random weights with vocab.txt for a tokenizer, as the real one."""
    import torch
    from transformers.models.chinese_clip.configuration_chinese_clip import ChineseCLIPConfig
    from transformers.models.chinese_clip.modeling_chinese_clip import ChineseCLIPModel

    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens = [*specials, *dict.fromkeys(CHINESE), *letters, *(f"##{letter}" for letter in letters)]
    text = _tower(2) | {
        "vocab_size": len(tokens),
        "max_position_embeddings": CHINESE_LENGTH,
        "pad_token_id": 0,
    }
    vision = _tower(2) | {"image_size": image_size, "patch_size": image_size // 4}
    torch.manual_seed(seed)
    config: Any = ChineseCLIPConfig(text_config=text, vision_config=vision, projection_dim=dim)
    _save(ChineseCLIPModel(config), None, folder, _clip_pictures(image_size))
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    return folder


def save_tiny_siglip(folder: Path, *, dim: int = 32, image_size: int = 32, seed: int = 0) -> Path:
    """Save a SigLIP of random weights, its tokenizer as tokenizer.json alone."""
    import torch
    from transformers.models.siglip.configuration_siglip import SiglipConfig
    from transformers.models.siglip.modeling_siglip import SiglipModel

    tokenizer = sentence_pieces(SIGLIP_LENGTH)
    text = _tower(2) | {
        "hidden_size": dim,
        "projection_size": dim,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": SIGLIP_LENGTH,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = _tower(2) | {
        "hidden_size": dim,
        "image_size": image_size,
        "patch_size": image_size // 4,
    }
    torch.manual_seed(seed)
    config: Any = SiglipConfig(text_config=text, vision_config=vision)
    pictures = {
        "image_processor_type": "SiglipImageProcessor",
        "size": {"height": image_size, "width": image_size},
        "resample": 3,
    }
    model = SiglipModel(config)
    model.logit_scale.data.fill_(2.0)
    model.logit_bias.data.fill_(-10.0)
    _save(model, tokenizer, folder, pictures)
    return folder


def _tower(layers: int) -> dict[str, int]:
    return {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
    }


def _clip_pictures(image_size: int) -> dict[str, object]:
    return {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": image_size},
        "crop_size": {"height": image_size, "width": image_size},
        "resample": 3,
    }


def _save(
    model: Model, tokenizer: Tokenizer | None, folder: Path, pictures: dict[str, object]
) -> None:
    import json

    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    model.save_pretrained(folder)
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(pictures))


def bytes_and_words() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Return a byte-level BPE with every byte, also at a word's end, and WORDS as whole tokens."""
    from tokenizers.pre_tokenizers import ByteLevel

    symbols = sorted(ByteLevel.alphabet())
    tokens = ["<pad>", *symbols, *(f"{symbol}</w>" for symbol in symbols)]
    merges: list[tuple[str, str]] = []
    for word in WORDS:
        parts = [*word[:-1], f"{word[-1]}</w>"]
        while len(parts) > 1:
            merge = (parts[-2], parts[-1])
            parts[-2:] = ["".join(merge)]
            if merge not in merges:
                merges.append(merge)
                tokens.append("".join(merge))
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return {token: number for number, token in enumerate(tokens)}, merges


def sentence_pieces(length: int) -> Tokenizer:
    """Return a unigram tokenizer shaped like SigLIP's: lower case, no punctuation, `</s>` last."""
    from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import Unigram
    from transformers import PreTrainedTokenizerFast

    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -4.0)]
    pieces += [(f"\u2581{word}", -2.0) for word in WORDS] + [(letter, -6.0) for letter in letters]
    tokenizer: Any = Tokenizer(Unigram(pieces, unk_id=2))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Lowercase(),
            normalizers.Replace(Regex(r"[!-/:-@\[-`{-~]"), ""),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    make: Any = PreTrainedTokenizerFast
    return make(
        tokenizer_object=tokenizer,
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="</s>",
        model_max_length=length,
    )
