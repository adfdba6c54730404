"""Where they meet: command line, run directories, configs, reports, studies."""
