//! Probes over REST.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use streamlens_protocol::Problem;
use streamlens_web::problem_response;
use tokio::sync::oneshot;

use super::Way;
use super::core::{Command, Core, Unknown};

fn json(value: &impl Serialize) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], serde_json::to_vec(value).unwrap_or_default()).into_response()
}

async fn ask<T: Send + 'static>(way: &Way, ask: impl FnOnce(&Core) -> T + Send + 'static) -> Result<T, Response> {
    let (answer, answered) = oneshot::channel();
    let asked = way.commands.send(Command::Ask(Box::new(move |core| drop(answer.send(ask(core))))));
    let ending = || problem_response(Problem::new("ending", "The hub ends", 503, "the hub is about to end"));
    asked.map_err(|_| ending())?;
    answered.await.map_err(|_| ending())
}

/// All probes, in order of their names; those that were refused behind them.
pub(super) async fn probes(State(way): State<Arc<Way>>) -> Response {
    match ask(&way, Core::list).await {
        Ok(probes) => json(&probes),
        Err(response) => response,
    }
}

/// Of which flow.
#[derive(Deserialize)]
pub(super) struct Of {
    flow: String,
}

/// The figures by the second of a flow at a probe, which is named by its UUID or its name.
pub(super) async fn series(State(way): State<Arc<Way>>, Path(id): Path<String>, Query(of): Query<Of>) -> Response {
    let (name, flow) = (id.clone(), of.flow.clone());
    match ask(&way, move |core| core.series(&name, &flow)).await {
        Ok(Ok(series)) => json(&series),
        Ok(Err(Unknown::Flow)) => {
            let what = format!("the probe '{id}' has seen no flow '{}'; flows are named by their keys", of.flow);
            problem_response(Problem::new("row", "There is no such flow", 404, what))
        }
        Ok(Err(Unknown::Probe)) => {
            let what = format!("there is no probe '{id}'; GET /api/v1/probes lists them");
            problem_response(Problem::new("probe", "There is no such probe", 404, what))
        }
        Err(response) => response,
    }
}
