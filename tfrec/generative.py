"""The generative language model that the settings name, as a step of re-ranking."""

from collections.abc import Sequence

from tfrec.config import Config
from tfrec.reranking.language_step import LanguageReading
from tfrec.reranking.likelihood import Likelihood
from tfrec.text.generative import GenerativeModel


def likelihood_reading(config: Config, titles: Sequence[str]) -> LanguageReading | None:
    """The step that orders the first candidates by their likelihood; None where the settings have none.

    Args:
        config: settings.
        titles: of every item.

    Raises:
        GenerativeModelNotFound: there is no such model.
    """
    settings = config.generative
    if not settings.folder or "likelihood" not in config.reranking.order:
        return None
    model = Likelihood(
        GenerativeModel.from_name(settings.folder),
        titles,
        events=settings.events,
        tokens=settings.tokens,
        text_tokens=settings.tokens,
    )
    return LanguageReading(model, settings.gain, settings.candidates, model.tokens)
