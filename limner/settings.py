"""Every setting in one tree: arguments > environment (`LIMNER_EVOLVE__ROUNDS=5`) > limner.toml > defaults.

An unknown name is an error, never ignored. Each run stores its settings, and a run that is resumed must have the same
ones: `differences` says which do not agree.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from limner.errors import SettingsError
from limner.types import Prompt, Recipe

CONFIG_FILE = "limner.toml"
PER_MILLION = 1_000_000
"""Tokens that a price is given for."""
NO_JUDGE = "none"
"""What stands for a model where a judge is to be left out."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSettings(_Section):
    """Which models do the work, by name (see README, "Names of models")."""

    generator: str = "microworld"
    editor: str | None = None
    """Who changes pictures; None: the generator, if it can."""
    taste: str = "microworld"
    questions: str = "microworld"
    """The two judges; "none" leaves one out."""
    acceptance_questions: str | None = None
    """A vision model that is asked about held-out pictures alone and never steers the search; None is without."""
    acceptance: str | None = None
    """A third judge, a scorer that sees held-out pictures alone and never steers the search; None is without."""
    agents: str = "directives"
    """The family of all agents; each of the four may be of another one."""
    writer: str | None = None
    critic: str | None = None
    modifier: str | None = None
    questioner: str | None = None
    base_url: str | None = None
    """Address of an OpenAI-compatible endpoint, where a model is a remote one."""
    price_per_picture: float | None = Field(default=None, ge=0)
    """USD for one picture of a remote generator; None is unknown."""
    batch: int | None = Field(default=None, ge=1, le=1024)
    """Pictures per drawn batch; None leaves it to the generator."""


class DrawingSettings(_Section):
    """How pictures are drawn; None leaves a setting at the model's own default."""

    steps: int | None = Field(default=None, ge=1, le=1000)
    guidance: float | None = Field(default=None, ge=0)
    width: int | None = Field(default=None, ge=8, le=8192)
    height: int | None = Field(default=None, ge=8, le=8192)
    scheduler: str | None = None
    """A scheduler's class name, as diffusers has it."""

    def recipe(self, prompt: Prompt, seed: int) -> Recipe:
        """The recipe of a prompt and a seed under these settings."""
        return Recipe(prompt, seed, **self.model_dump())


class LoraSettings(_Section):
    """One LoRA: a file, folder or hub id, and its weight."""

    path: str = Field(min_length=1)
    weight: float = 1.0


class GenerationSettings(_Section):
    """How a pipeline of this process is put into memory; see `limner.generation.Setup`."""

    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    offload: Literal["none", "model", "sequential"] = "none"
    attention_slicing: bool = False
    vae_slicing: bool = False
    vae_tiling: bool = False
    compile: bool = False
    loras: tuple[LoraSettings, ...] = ()


class ChatSettings(_Section):
    """How language models are asked."""

    chat_url: str | None = None
    """Address of their endpoint where it is not `models.base_url`."""
    key_variable: str = "OPENAI_API_KEY"
    """The environment variable that holds their key."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_output_tokens: int = Field(default=4096, ge=16, le=1_000_000)
    """The longest reply, thinking included: reserved before each turn."""
    concurrency: int = Field(default=32, ge=1, le=1024)
    """Turns at once at most; halved whenever the endpoint says that this is too much."""
    timeout: float = Field(default=120.0, gt=0)
    """Seconds for one try."""
    retries: int = Field(default=4, ge=0, le=20)
    picture_side: int = Field(default=768, ge=32, le=4096)
    """Longest side in pixels of the JPEG copies that a model is shown."""


class WritingSettings(_Section):
    """What agents that ask a language model keep to when they write."""

    preset: str | None = None
    """The family of image models to write for (see `limner.presets`); None finds it by the generator's name."""
    locked: tuple[str, ...] = ()
    """Texts that stay as they are wherever a request has them."""
    style_neutral: bool = False
    """Whether prompts add no words of style to what the request has."""
    second_look: bool = False
    """Whether the writer's model also checks the prompts that the rules let pass: one more turn for each."""
    sees: bool = False
    """Whether the critic is shown pictures, which needs a model that can see."""


class Price(_Section):
    """What a language model costs, in USD per million tokens; None is unknown, 0 is free.

    Tokens read from the endpoint's cache cost what the others do unless they have a price of their own.
    """

    input: float | None = Field(default=None, ge=0)
    cached: float | None = Field(default=None, ge=0)
    output: float | None = Field(default=None, ge=0)


class EvolveSettings(_Section):
    """The search: BIGPE's parameters (arXiv 2406.08713) and ours."""

    seed: int = Field(default=0, ge=0)
    rounds: int = Field(default=30, ge=1, le=1000)
    pool: int = Field(default=3, ge=1, le=64)
    batch: int = Field(default=1, ge=1, le=64)
    """Fresh queries per round."""
    children: int = Field(default=3, ge=1, le=16)
    """Improvements that the critic may propose per round, each of which becomes one child."""
    professionals: int = Field(default=1, ge=0, le=5)
    """Professional prompts of the database drawn beside the arms, per query."""
    bandit: Literal["additive", "empirical-gradient", "ucb", "bigpe", "greedy", "epsilon-greedy", "uniform"] = (
        "additive"
    )
    start: str | None = Field(default=None, min_length=1, max_length=4000)
    """The start instruction; None is the agents' own."""
    finalists: int = Field(default=3, ge=1, le=16)
    """Instructions that reach the final choice, besides the start instruction."""
    validation: int = Field(default=16, ge=2, le=1000)
    """Queries of the final choice."""
    held_out: int = Field(default=36, ge=0, le=10_000)
    """Queries of the final table; 0 leaves it out."""
    common_seeds: bool = True
    """Whether all instructions draw a query with one picture seed; off only to measure what that is worth."""
    taste_weight: float = Field(default=0.5, ge=0, le=1)
    questions_weight: float = Field(default=0.5, ge=0, le=1)
    phrasings: int = Field(default=1, ge=1, le=2)
    """Wordings in which each question is asked; 2 costs twice as many answers and says how far they disagree."""


class BudgetSettings(_Section):
    """Limits of one session; None is no limit. `pictures` counts drawn pictures, `seconds` active wall time."""

    pictures: int | None = None
    model_calls: int | None = None
    tokens: int | None = None
    money_usd: float | None = None
    seconds: float | None = None
    allow_unknown_price: bool = False


class Settings(BaseSettings):
    """The whole tree."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix="LIMNER_", env_nested_delimiter="__", toml_file=CONFIG_FILE
    )

    models: ModelSettings = ModelSettings()
    chat: ChatSettings = ChatSettings()
    writing: WritingSettings = WritingSettings()
    prices: dict[str, Price] = Field(default_factory=dict)
    """Prices of language models by the names that their endpoint knows them by: `[prices."MODEL"]`."""
    drawing: DrawingSettings = DrawingSettings()
    generation: GenerationSettings = GenerationSettings()
    evolve: EvolveSettings = EvolveSettings()
    budget: BudgetSettings = BudgetSettings()
    out: Path = Path("runs")
    torch_threads: int | None = Field(default=None, ge=1, le=256)
    """Threads that torch may use; None leaves torch's own choice."""

    def endpoint(self) -> dict[str, Any]:
        """How a remote generator is reached; the key comes from OPENAI_API_KEY and is stored nowhere."""
        return {
            "base_url": self.models.base_url or os.environ.get("OPENAI_BASE_URL"),
            "api_key": os.environ.get("OPENAI_API_KEY"),
            "price_per_call": self.models.price_per_picture,
        }

    def chat_endpoint(self, model: str) -> dict[str, Any]:
        """How a language model is reached; the key comes from the environment and is stored nowhere."""
        asked, price = self.chat, self.prices.get(model, Price())
        per_token = {"input": price.input, "output": price.output, "cached": price.cached}
        given = {
            "base_url": asked.chat_url or self.models.base_url or os.environ.get("OPENAI_BASE_URL"),
            "api_key": os.environ.get(asked.key_variable),
            **{f"price_per_{kind}_token": usd / PER_MILLION for kind, usd in per_token.items() if usd is not None},
            **asked.model_dump(exclude={"chat_url", "key_variable"}),
        }
        return {name: value for name, value in given.items() if value is not None}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then environment, then limner.toml of the working directory."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load(**arguments: Any) -> Settings:
    """Read the settings; `arguments` are sections as nested mappings whose None values count as not given.

    Raises:
        SettingsError: an unknown name or a value out of range, from whichever source.
    """
    given = {name: _without_none(value) for name, value in arguments.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from error
    except (ValueError, OSError) as error:
        raise SettingsError(f"{CONFIG_FILE} cannot be read: {error}. Mend it or move it away.") from error


def differences(stored: dict[str, Any], current: dict[str, Any], prefix: str = "") -> list[str]:
    """Where two dumps of settings disagree, one line each: `evolve.rounds: 10 then, 5 now`."""
    lines: list[str] = []
    for name in sorted(stored.keys() | current.keys()):
        then, now = stored.get(name), current.get(name)
        if isinstance(then, dict) and isinstance(now, dict):
            lines += differences(then, now, f"{prefix}{name}.")
        elif then != now:
            lines.append(f"{prefix}{name}: {then!r} then, {now!r} now")
    return lines


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(inner) for name, inner in value.items() if inner is not None}
    return value


def _explain(error: ValidationError) -> str:
    lines = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"])
        lines.append(f"{where}: {item['msg']} (got {item['input']!r})")
    return "Settings are not usable: " + "; ".join(lines) + ". Correct them in the argument, LIMNER_* or limner.toml."
