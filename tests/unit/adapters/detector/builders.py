"""Small detectors of every family with seeded random weights, as `save_pretrained` writes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
import transformers

from backend.adapters.detector.checkpoint import FOLDER, DetectorCheckpoint, require_detector

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", ",", "a", "photo", "of", "red", "car"]
TOKENS = 77
TOKENS_OF_OWL = 16
TOKENS_OF_SAM3 = 32
Built = tuple[transformers.PreTrainedModel, transformers.ProcessorMixin]
LAYERS = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}


def bert_words(folder: Path) -> transformers.BertTokenizerFast:
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(WORDS))
    return transformers.BertTokenizerFast(str(vocabulary))


def clip_words(folder: Path, tokens: int = TOKENS) -> transformers.CLIPTokenizerFast:
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return transformers.CLIPTokenizerFast(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=tokens, pad_token="<|endoftext|>"
    )


def clip_text(words: transformers.CLIPTokenizerFast) -> dict[str, int]:
    ends = {"bos_token_id": len(words) - 2, "eos_token_id": len(words) - 1, "pad_token_id": len(words) - 1}
    return {**LAYERS, **ends, "vocab_size": len(words), "max_position_embeddings": words.model_max_length}


def small_swin() -> transformers.SwinConfig:
    return transformers.SwinConfig(
        image_size=64,
        window_size=4,
        embed_dim=16,
        depths=[1, 1, 1, 1],
        num_heads=[2, 2, 2, 2],
        out_features=["stage2", "stage3", "stage4"],
    )


def grounding(folder: Path, configs: type, model: type) -> Built:
    config = configs(
        backbone_config=small_swin(),
        text_config=transformers.BertConfig(vocab_size=len(WORDS), **LAYERS),
        num_queries=20,
        encoder_layers=2,
        decoder_layers=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        d_model=32,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        max_text_len=TOKENS,
    )
    pictures = transformers.GroundingDinoImageProcessor(size={"shortest_edge": 64, "longest_edge": 128})
    return model(config), transformers.GroundingDinoProcessor(pictures, bert_words(folder))


def owl(folder: Path, configs: type, model: type, pictures: type, processor: type) -> Built:
    words = clip_words(folder, TOKENS_OF_OWL)
    vision = {**LAYERS, "image_size": 64, "patch_size": 16}
    config = configs(text_config=clip_text(words), vision_config=vision, projection_dim=32)
    return model(config), processor(pictures(size={"height": 64, "width": 64}), words)


def omdet(folder: Path) -> Built:
    words = clip_words(folder)
    config = transformers.OmDetTurboConfig(
        text_config=transformers.CLIPTextConfig(**{**clip_text(words), "hidden_size": 48}, projection_dim=48),
        backbone_config=small_swin(),
        use_timm_backbone=False,
        apply_layernorm_after_vision_backbone=False,
        text_projection_in_dim=48,
        text_projection_out_dim=48,
        task_encoder_hidden_dim=32,
        class_embed_dim=48,
        class_distance_type="cosine",
        num_queries=20,
        encoder_hidden_dim=32,
        decoder_hidden_dim=32,
        encoder_in_channels=[32, 64, 128],
        encoder_feat_strides=[8, 16, 32],
        vision_features_channels=[32, 32, 32],
        encoder_dim_feedforward=32,
        decoder_dim_feedforward=32,
        decoder_num_layers=1,
        encoder_layers=1,
        decoder_num_heads=2,
        encoder_attention_heads=2,
        image_size=64,
    )
    pictures = transformers.DetrImageProcessor(
        size={"height": 64, "width": 64},
        do_pad=False,
        image_mean=[123.675, 116.28, 103.53],
        image_std=[58.395, 57.12, 57.375],
    )
    return transformers.OmDetTurboForObjectDetection(config), transformers.OmDetTurboProcessor(pictures, words)


def sam3(folder: Path) -> Built:
    words = clip_words(folder, TOKENS_OF_SAM3)
    parts = {"hidden_size": 32, "num_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    vit = {
        **LAYERS,
        "image_size": 112,
        "patch_size": 14,
        "window_size": 4,
        "global_attn_indexes": [0],
        "pretrain_image_size": 56,
    }
    config = transformers.Sam3Config(
        vision_config={
            "backbone_config": {"model_type": "sam3_vit_model", **vit},
            "fpn_hidden_size": 32,
            "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
        },
        text_config=clip_text(words),
        geometry_encoder_config=parts,
        detr_encoder_config=parts,
        detr_decoder_config={**parts, "num_queries": 20},
        mask_decoder_config={"hidden_size": 32, "num_attention_heads": 2},
    )
    pictures = transformers.Sam3ImageProcessor(
        size={"height": 112, "width": 112}, mask_size={"height": 32, "width": 32}
    )
    return transformers.Sam3Model(config), transformers.Sam3Processor(pictures, words)


BUILDERS: dict[str, Callable[[Path], Built]] = {
    "grounding-dino": lambda folder: grounding(
        folder, transformers.GroundingDinoConfig, transformers.GroundingDinoForObjectDetection
    ),
    "mm-grounding-dino": lambda folder: grounding(
        folder, transformers.MMGroundingDinoConfig, transformers.MMGroundingDinoForObjectDetection
    ),
    "owlv2": lambda folder: owl(
        folder,
        transformers.Owlv2Config,
        transformers.Owlv2ForObjectDetection,
        transformers.Owlv2ImageProcessor,
        transformers.Owlv2Processor,
    ),
    "owlvit": lambda folder: owl(
        folder,
        transformers.OwlViTConfig,
        transformers.OwlViTForObjectDetection,
        transformers.OwlViTImageProcessor,
        transformers.OwlViTProcessor,
    ),
    "omdet-turbo": omdet,
    "sam3": sam3,
}


def small_detector(models: Path, kind: str) -> tuple[DetectorCheckpoint, Built]:
    """A detector of a family in a model folder, and what was saved there."""
    folder = models / FOLDER
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    model, processor = BUILDERS[kind](models)
    model.eval().save_pretrained(folder)
    processor.save_pretrained(folder)
    return require_detector(models), (model, processor)
