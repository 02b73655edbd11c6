"""Measurements that are kept in the repository, so that a change cannot worsen them in silence."""
