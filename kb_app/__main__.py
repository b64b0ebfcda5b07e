"""``python -m kb_app`` runs the command ``kb`` without an installation."""

from kb_app.cli.site import main

main()
