//! Tests of several machines together.

/// Client and server over a network with one fault.
mod faults;
/// Records of earlier versions, for every machine.
mod golden_snapshots;
/// Client and server over any network, with any caller.
mod properties;
