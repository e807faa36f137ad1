//! Every port, every protocol, every kind of certificate that somebody could come with, over real endpoints.

mod client_side;
mod forge;
mod gullible;
mod life;
mod rotation;
mod server_side;
mod session;
