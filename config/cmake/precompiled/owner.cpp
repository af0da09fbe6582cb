// The owner of a precompiled header; it holds no code.
