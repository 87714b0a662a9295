//! What the decoders of Modbus TCP and RTU declare of their results.

use streamlens_model::Severity::{Error, Info, Warning};
use streamlens_model::ValueType::{Integer, List, Map, Text};
use streamlens_model::{FindingInfo, Term};

/// What both find.
pub(super) const FINDINGS: &[FindingInfo] = &[
    FindingInfo::new("modbus.echo", Info, "A request came back as it was sent, as RS-485 adapters echo it."),
    FindingInfo::new(
        "modbus.exception",
        Warning,
        "A unit answered with an exception; of codes 5 (acknowledge) and 6 (busy), which ask the client to come again, no more than worth knowing.",
    ),
    FindingInfo::new("modbus.repeated-request", Warning, "A client sent the same request again before an answer came."),
    FindingInfo::new("modbus.slow", Warning, "A unit took more than 1 s to answer."),
    FindingInfo::new(
        "modbus.unanswered",
        Warning,
        "A request was not answered within 10 s, or before 16 later ones were. Broadcasts (unit 0) are not meant.",
    ),
    FindingInfo::new("modbus.unsolicited", Warning, "A unit answered, and no such request was waiting."),
];

/// What Modbus TCP alone finds.
pub(super) const TCP_FINDINGS: &[FindingInfo] = &[
    FindingInfo::new(
        "modbus.length",
        Error,
        "The length in a header is not one of Modbus (2 to 254), or differs from the bytes that are there.",
    ),
    FindingInfo::new(
        "modbus.shape",
        Warning,
        "The data of a PDU fit neither a request nor a response of its function.",
    ),
];

pub(super) const FACTS: &[Term] = &[
    Term::new("exceptions", List, "", "Exceptions by `code`, with `name` and `count`; on the flow of the responses."),
    Term::new(
        "functions",
        List,
        "",
        "For each unit and function: requests, responses, exceptions, and the response time.",
    ),
    Term::new(
        "polls",
        List,
        "",
        "The ranges asked for, the 64 most often: unit, function, address, quantity, requests, and the interval between them.",
    ),
    Term::new("requests_of_further_polls", Integer, "", "Requests for ranges that are not listed in `polls`."),
    Term::new("response_time", Map, "ns", "The time from request to response: count, extremes, mean and percentiles."),
    Term::new("role", Text, "", "Whether the flow is that of the `client` or of the `server`."),
    Term::new(
        "transactions",
        Map,
        "",
        "Requests, responses, exceptions and their share of the responses, matched, unanswered, open at the end, unsolicited, unmatched at the \
         start, repeated requests, and most outstanding at a time; where there are any, echoes and answers under another transaction.",
    ),
];

pub(super) const FIELDS: &[Term] = &[
    Term::new("address", Integer, "", "The first address that a request asks for."),
    Term::new("exception", Integer, "", "The exception code."),
    Term::new("exception_name", Text, "", "The name of the exception."),
    Term::new("function", Integer, "", "The function code, without the exception bit."),
    Term::new("quantity", Integer, "", "How many coils or registers a request asks for; 1 of writes of one."),
    Term::new("unit", Integer, "", "The unit identifier."),
];

pub(super) const TCP_FIELDS: &[Term] = &[Term::new("transaction", Integer, "", "The transaction identifier.")];
