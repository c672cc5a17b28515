#include "lwm2m_support.h"

#define ITEM(id, operations, multiple, type, range)                                                          \
	"<Item ID=\"" id "\"><Name>Resource " id "</Name><Operations>" operations                            \
	"</Operations><MultipleInstances>" multiple                                                          \
	"</MultipleInstances><Mandatory>Optional</Mandatory><Type>" type "</Type><RangeEnumeration>" range   \
	"</RangeEnumeration><Units></Units><Description></Description></Item>"

/* clang-format off */
const char test_definition[] =
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?><LWM2M><Object ObjectType=\"MODefinition\"><Name>Test</Name>"
	"<ObjectID>42769</ObjectID><ObjectURN>urn:oma:lwm2m:x:42769</ObjectURN><MultipleInstances>Multiple"
	"</MultipleInstances><Mandatory>Optional</Mandatory><Resources>"
	ITEM("0", "RW", "Single", "String", "0..8")
	ITEM("1", "RW", "Single", "Integer", "-10..10")
	ITEM("2", "RW", "Single", "Unsigned Integer", "")
	ITEM("3", "RW", "Single", "Float", "0.0..1.0")
	ITEM("4", "RW", "Single", "Boolean", "")
	ITEM("5", "RW", "Single", "Opaque", "2..4 bytes")
	ITEM("6", "RW", "Single", "Time", "")
	ITEM("7", "RW", "Single", "Objlnk", "")
	ITEM("8", "RW", "Single", "Corelnk", "")
	ITEM("9", "E", "Single", "", "")
	ITEM("10", "RW", "Multiple", "Integer", "")
	ITEM("11", "RW", "Multiple", "String", "")
	ITEM("12", "R", "Multiple", "Objlnk", "")
	"</Resources></Object></LWM2M>";
/* clang-format on */

struct model *test_model(void)
{
	struct fault fault = { 0 };
	struct model *model;

	assert_int_equal(model_create(&model), ERR_NONE);
	if (model_add_ddf(model, bytes_of_text(test_definition), &fault) != ERR_NONE)
		fail_msg("%s", fault.text);
	return model;
}
