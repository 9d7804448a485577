"""What people type, checked at the border: YAML in, one frozen `Config` or every problem at once.

Nothing past this package sees YAML, environment variables or `--set`. A config says what was asked; what will happen
(everything `auto`) is the plan's to say.
"""
