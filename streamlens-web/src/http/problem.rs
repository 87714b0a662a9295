//! Faults as answers (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use streamlens_protocol::Problem;

/// A fault that is answered.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) Box<Problem>);

impl Fault {
    pub(crate) fn new(kind: &str, title: &str, status: StatusCode, detail: impl Into<String>) -> Self {
        Self(Box::new(Problem::new(kind, title, status.as_u16(), detail)))
    }

    /// Of a limit, with the option that sets it.
    pub(crate) fn limit(status: StatusCode, option: &str, detail: impl Into<String>) -> Self {
        let mut problem = Problem::new("limit", "Too much is asked for", status.as_u16(), detail);
        problem.option = Some(option.to_owned());
        Self(Box::new(problem))
    }

    pub(crate) fn no_analysis(id: &str) -> Self {
        let what = format!("there is no analysis '{id}'; GET /api/v1/analyses lists them");
        Self::new("analysis", "There is no such analysis", StatusCode::NOT_FOUND, what)
    }

    /// The hub, or an analysis, has ended.
    pub(crate) fn ending() -> Self {
        Self::new("ending", "The server ends", StatusCode::SERVICE_UNAVAILABLE, "the server is about to end")
    }
}

/// A fault as an answer, for routes beside the server's own.
#[must_use]
pub fn problem_response(problem: Problem) -> Response {
    Fault::from(problem).into_response()
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        (status, [kind], body).into_response()
    }
}
