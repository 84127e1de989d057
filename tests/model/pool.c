#include "model.h"
const struct scenario pool_scenarios[] = {{.name = NULL}};
