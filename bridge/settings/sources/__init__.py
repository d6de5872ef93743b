"""Where settings come from: files, environment variables, secret files."""
