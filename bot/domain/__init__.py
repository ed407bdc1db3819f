"""The words of the field and the decisions about them: standard library only, pure, the clock passed in."""
