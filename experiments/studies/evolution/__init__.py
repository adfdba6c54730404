"""The study of evolution: how fast it solves poles, how good its fronts are, how far it gets."""
