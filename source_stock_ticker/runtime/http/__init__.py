"""Calls an API: one client with retries, deadlines and a rate limit, and the loop over pages."""
