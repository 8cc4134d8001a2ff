"""The service: HTTP interface, pages, keys, jobs and the command line."""
