//! The upload client.
