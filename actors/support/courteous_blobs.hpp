// The blob store as background work sees it: between two pieces it makes way. On any other thread it is the store itself.
#pragma once

#include "storage/ports/blob_store.hpp"

namespace fm {

blob_store_ptr make_courteous(blob_store_ptr blobs);

} // namespace fm
