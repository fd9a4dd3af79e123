"""Events to state: the books of metal, custody and claims, kept step by step."""
