"""`python -m isoglot` is `isoglot`."""

from isoglot.commands.main import main

main()
