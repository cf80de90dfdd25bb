"""A second implementation of the reading half of spec/. It shares no code with the first."""
