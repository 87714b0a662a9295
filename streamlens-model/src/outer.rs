//! Layers around frames that were taken off: mirror formats and tunnels.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::Address;

/// A layer that lay around frames of a flow, and was taken off: its addresses and lengths are not those of the flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OuterPath {
    /// What it is: `ERSPAN II`, `VXLAN`, `PPPoE`, ...
    pub layer: Cow<'static, str>,
    /// Who put it around them; [`Address::None`] where the layer has no addresses of its own.
    pub src: Address,
    /// Whom it was sent to.
    pub dst: Address,
    /// The session of ERSPAN, PPPoE and L2TPv3, the network (VNI) of VXLAN and GENEVE, the key of GRE, the outermost label of MPLS;
    /// `None` where it says none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// Frames that came in it.
    pub packets: u64,
    /// Bytes of theirs that are not the inner frame's.
    pub bytes: u64,
}
