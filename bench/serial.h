/* The serial programs: their compilation is the measure of the others. */
static void serial_init(unsigned workers)
{
    (void)workers;
}
