"""`python -m pipelines.prepare`: write Dagster's home and parse the dbt project; print the home.

Needs no running database. Imports neither Dagster nor, while the project is unchanged, dbt.
"""

import sys

from pipelines.instance import prepare_instance
from pipelines.manifest import ManifestError, prepare_manifest
from storage.settings import SettingsError, load_settings


def main() -> int:
    try:
        home = prepare_instance(load_settings())
        prepare_manifest()
    except (SettingsError, ManifestError) as error:
        print(error, file=sys.stderr)
        return 1
    print(home)
    return 0


if __name__ == "__main__":
    sys.exit(main())
