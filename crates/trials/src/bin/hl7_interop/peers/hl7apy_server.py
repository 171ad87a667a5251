"""The server of hl7apy: keeps what it is sent, answers by its own encoder. Arguments: port, file."""

import json
import sys

from hl7apy.core import Message
from hl7apy.mllp import AbstractHandler, MLLPServer
from hl7apy.parser import parse_message

PORT, FILE = sys.argv[1:3]


class Keep(AbstractHandler):
    def reply(self):
        with open(FILE, "a", encoding="utf-8") as file:
            file.write(json.dumps(self.incoming_message) + "\n")
        request = parse_message(self.incoming_message, find_groups=False)
        answer = Message("ACK", version="2.5.1")
        answer.msh.msh_9 = "ACK"
        answer.msh.msh_10 = "A" + request.msh.msh_10.value
        answer.msh.msh_11 = "P"
        answer.msa.msa_1 = "AA"
        answer.msa.msa_2 = request.msh.msh_10.value
        return answer.to_mllp()


KINDS = ["ORM^O01^ORM_O01", "ORU^R01^ORU_R01", "ADT^A08^ADT_A01"]
MLLPServer("127.0.0.1", int(PORT), {kind: (Keep,) for kind in KINDS}).serve_forever()
