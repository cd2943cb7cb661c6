"""Judges policy documents with parliament: a list of {where, policy} on stdin, a list of findings on stdout.

Its own command line takes one document a run and writes a log to a fixed path.
"""

import json
import sys
import warnings

warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
import parliament  # noqa: E402


def findings(where, policy):
    for f in parliament.analyze_policy_string(json.dumps(policy)).findings:
        f = parliament.enhance_finding(f)
        yield {"check": f.issue, "where": where, "title": f.title, "detail": f.detail, "location": f.location}


json.dump([f for p in json.load(sys.stdin) for f in findings(**p)], sys.stdout, default=str)
