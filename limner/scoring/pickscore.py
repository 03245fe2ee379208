"""PickScore (arXiv 2305.01569): which of two pictures people would pick for a request, as CLIP's logit.

Published as a folder in transformers' CLIPModel format, so any such folder can be named. The score is the model's
logit scale x cosine, of the middle of the picture; about 15 to 25 with the published weights.
"""

from __future__ import annotations

from limner.devices import pick_device
from limner.scoring.clip import BATCH, ClipScorer, Manner
from limner.scoring.clip_files import load_clip_folder
from limner.scoring.loading import find_folder, folder_label, named_weights, pick_dtype
from limner.scoring.pixels import centre_crop

PUBLISHED = "yuvalkirstain/PickScore_v1"
MANNER = Manner("pickscore", centre_crop)


def load_pickscore(name: str, *, device: str = "auto", dtype: str = "auto", batch: int = BATCH) -> ClipScorer:
    """Load a folder, or ORGANISATION/MODEL from the hub; `v1` is the published one.

    Raises:
        UnknownModel: nothing is there by that name.
        WeightsError: files are missing, damaged or of another architecture.
    """
    folder = find_folder(PUBLISHED if name == "v1" else name, "pickscore")
    place = pick_device(device)
    precision = pick_dtype(dtype, place, on_cuda="float16")
    model, tokenizer = load_clip_folder(folder, place, precision, "pickscore")
    identity = named_weights("pickscore", folder_label(folder, name), [folder], precision)
    return ClipScorer(MANNER, model, tokenizer, identity, batch)
