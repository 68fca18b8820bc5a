"""``python -m mp3restore`` is the command ``mp3restore``."""

from mp3restore.cli.main import main

if __name__ == "__main__":
    main()
