"""A provider's refusal, translated: what is wrong, in one sentence that says what to do."""
