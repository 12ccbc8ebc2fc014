"""One module per format, each run only in the process that `services.uploads.sandbox` starts.

Belongs here: opening untrusted bytes with a real parser, under limits. They import the standard
library and one parser. Each raises UploadRefused; whatever else they raise means a damaged file.
"""
