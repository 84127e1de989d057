#include "model.h"
const struct scenario cancel_scenarios[] = {{.name = NULL}};
