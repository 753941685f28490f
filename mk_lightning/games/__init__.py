"""Games as data: a YAML file and an integration folder describe everything the environments need to know."""
